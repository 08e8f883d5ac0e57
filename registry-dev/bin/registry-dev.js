#!/usr/bin/env node
// The launcher stays plain JavaScript that any Node can parse, so that an old Node gets one clear line instead of a syntax error.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const supported =
  major >= 26 || (major === 24 && minor >= 15) || (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));
if (!supported) {
  process.stderr.write(
    `Error: registry-dev needs Node ^22.22.2, ^24.15.0 or >=26; this is ${process.versions.node}\n` +
      'In a checkout, "npm run registry" uses the Node that the repository pins.\n',
  );
  process.exit(1);
}
const { enableCompileCache } = await import('node:module');
enableCompileCache?.();
await import('../dist/main.js');
