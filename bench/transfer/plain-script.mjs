// The least that a program on Node must do to move an artifact between an OCI layout and a registry: the floor that a client is measured by.
// Arguments: push|pull, layout folder, host, repository. Six connections; no retries, no credentials, no checks beyond the digest.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Pool } from 'undici';

const CONNECTIONS = 6;
const [direction, folder, host, repository] = process.argv.slice(2);
const pool = new Pool(`http://${host}`, { connections: CONNECTIONS });
const blobPath = (digest) => `${folder}/blobs/sha256/${digest.slice('sha256:'.length)}`;
const TYPE = 'application/vnd.oci.image.manifest.v1+json';

async function ask(method, path, options = {}) {
  return pool.request({ method, path, ...options });
}

async function pushBlob({ digest, size }) {
  const head = await ask('HEAD', `/v2/${repository}/blobs/${digest}`);
  await head.body.dump();
  if (head.statusCode === 200) return;
  const begun = await ask('POST', `/v2/${repository}/blobs/uploads/`);
  await begun.body.dump();
  const to = new URL(begun.headers.location, `http://${host}`);
  to.searchParams.set('digest', digest);
  const put = await ask('PUT', `${to.pathname}${to.search}`, {
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
    body: createReadStream(blobPath(digest)),
  });
  await put.body.dump();
  if (put.statusCode !== 201) throw new Error(`PUT ${digest}: ${put.statusCode}`);
}

async function pullBlob({ digest }) {
  const answer = await ask('GET', `/v2/${repository}/blobs/${digest}`);
  const hash = createHash('sha256');
  await pipeline(
    answer.body,
    async function* (chunks) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(blobPath(digest)),
  );
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${digest} is not what came`);
}

async function each(items, action) {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item; item = queue.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

if (direction === 'push') {
  const { manifests } = JSON.parse(readFileSync(`${folder}/index.json`, 'utf8'));
  const bytes = readFileSync(blobPath(manifests[0].digest));
  const { layers, config } = JSON.parse(bytes.toString());
  await each([...layers, config], pushBlob);
  const put = await ask('PUT', `/v2/${repository}/manifests/bench`, { headers: { 'content-type': TYPE }, body: bytes });
  await put.body.dump();
} else {
  mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
  const answer = await ask('GET', `/v2/${repository}/manifests/bench`, { headers: { accept: TYPE } });
  const text = await answer.body.text();
  const { layers, config } = JSON.parse(text);
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  await each([...layers, config], pullBlob);
  writeFileSync(blobPath(digest), text);
  const manifests = [{ mediaType: TYPE, digest, size: text.length }];
  writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(`${folder}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }));
}
await pool.close();
