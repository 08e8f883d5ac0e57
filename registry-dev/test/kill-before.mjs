// Loaded before the registry: kills its process at the n-th operation that changes files, in the middle of it where it writes bytes.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const at = Number(process.env.KILL_AT);
let count = 0;

/** Counts an operation. @returns whether it is the one. */
function step() {
  count++;
  return count === at;
}

function kill() {
  process.kill(process.pid, 'SIGKILL');
}

const { promises } = fs;
for (const name of ['rename', 'link', 'unlink', 'rm', 'mkdir', 'open']) {
  const original = promises[name];
  promises[name] = (...args) => {
    if (step()) kill();
    return original(...args);
  };
}
const plainWrite = promises.writeFile;
promises.writeFile = async (path, content, options) => {
  if (step()) {
    fs.writeFileSync(path, Buffer.from(content).subarray(0, Buffer.from(content).length >> 1));
    kill();
  }
  return plainWrite(path, content, options);
};
const handle = await promises.open(import.meta.filename);
const prototype = Object.getPrototypeOf(handle);
await handle.close();
const { writeFile, sync } = prototype;
prototype.writeFile = function (content, options) {
  if (step()) {
    fs.writeSync(this.fd, content, 0, content.length >> 1);
    kill();
  }
  return writeFile.call(this, content, options);
};
prototype.sync = function () {
  if (step()) kill();
  return sync.call(this);
};
count = 0;
syncBuiltinESMExports();
