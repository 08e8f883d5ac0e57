#!/usr/bin/env node
// The launcher stays plain JavaScript that any Node can parse, so that an old Node gets one clear line instead of a syntax error.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const supported =
  major >= 26 || (major === 24 && minor >= 15) || (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));
if (!supported) {
  process.stderr.write(
    `Error: bpfship-shim needs Node ^22.22.2, ^24.15.0 or >=26; this is ${process.versions.node}\n` +
      'In a checkout, "npx bpfship-shim" uses the Node that the repository pins.\n',
  );
  process.exit(1);
}
// glibc keeps memory for each thread, 15 MB in all here, and hears only at its start that one place is enough; V8 lets what is new grow by 10 MB
// before it looks what is left of it. The process stays the same.
if (process.env.MALLOC_ARENA_MAX === undefined && typeof process.execve === 'function') {
  const args = [process.execPath, '--max-semi-space-size=2', ...process.execArgv, ...process.argv.slice(1)];
  try {
    process.execve(process.execPath, args, { ...process.env, MALLOC_ARENA_MAX: '1' });
  } catch {
    // Then it takes a little more.
  }
}
const { existsSync } = await import('node:fs');
// All of it in a few files, which load in a third of the time and take less memory.
const bundle = new URL('../bundle/main.js', import.meta.url);
const main = existsSync(bundle) ? bundle : new URL('../dist/daemon/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write('Error: this checkout of bpfship is not built yet\nBuild it: npm ci && npm run build\n');
  process.exit(1);
}
await import(main.href);
