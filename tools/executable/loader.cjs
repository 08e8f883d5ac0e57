'use strict';
// Runs one of the programs inside of the single executable, with the code that V8 has compiled when it was built. This text is the executable's
// main script, and, with a call of runEmbedded after it, the script of each worker.
const { getRawAsset } = require('node:sea');
const { Script } = require('node:vm');

function embeddedBytes(file) {
  return Buffer.from(getRawAsset(file));
}

// oxlint-disable-next-line no-unused-vars -- called by the line after it
function runEmbedded(name) {
  // The text is ASCII: read as such, it takes one byte for each character and is not copied.
  const source = embeddedBytes(`${name}.js`).latin1Slice();
  const script = new Script(source, { filename: `${name}.js`, cachedData: embeddedBytes(`${name}.cache`) });
  if (script.cachedDataRejected) process.emitWarning(`the compiled code of ${name} is that of another Node`);
  script.runInThisContext()(require, process.execPath);
}
