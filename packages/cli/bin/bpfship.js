#!/usr/bin/env node
// The launcher stays plain JavaScript that any Node can parse, so that an old Node gets one clear line instead of a syntax error.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const supported =
  major >= 26 || (major === 24 && minor >= 15) || (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));
if (!supported) {
  process.stderr.write(
    `Error: bpfship needs Node ^22.22.2, ^24.15.0 or >=26; this is ${process.versions.node}\n` +
      'In a checkout, "npx bpfship" uses the Node that the repository pins.\n',
  );
  process.exit(1);
}
// Not by import, which asks for every export of a module, and so loads what it has for later.
const { existsSync } = process.getBuiltinModule('node:fs');
// All of it in a few files, which load in a third of the time.
const bundle = new URL('../bundle/main.js', import.meta.url);
const main = existsSync(bundle) ? bundle : new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write('Error: this checkout of bpfship is not built yet\nBuild it: npm ci && npm run build\n');
  process.exit(1);
}
const { enableCompileCache } = process.getBuiltinModule('node:module');
enableCompileCache?.();
await import(main.href);
