'use strict';
// Compiles a script for the single executable, as its loader runs it: node compile-cache.cjs SCRIPT.js OUTPUT.cache
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

const [file, output] = process.argv.slice(2);
const script = new Script(readFileSync(file, 'latin1'), { filename: file.slice(file.lastIndexOf('/') + 1) });
writeFileSync(output, script.createCachedData());
