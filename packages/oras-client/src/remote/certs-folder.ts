import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { OciError } from '../errors.ts';

/** Certificates of one host, in PEM. */
export interface HostCertificates {
  /** Authorities by which the host is known. */
  ca: string[];
  /** What is shown to the host. */
  client: { cert: string; key: string }[];
}

/** A certificate is read up to this size, in bytes. */
const MAX_SIZE = 1024 * 1024;

/** Podman's folders, then docker's (containers-certs.d(5), docker's "Verify repository client with certificates"). */
export function usualCertsFolders(env: Readonly<Record<string, string | undefined>> = process.env): string[] {
  return [
    join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'containers', 'certs.d'),
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ];
}

/**
 * Reads `HOST:PORT/*.crt` (authorities), `*.cert` with `*.key` (the client's own) of the first folder that has the host.
 *
 * @throws {OciError} `ERR_OCI_CERTIFICATE` for a certificate without key, a key without certificate, and a file that cannot be read.
 */
export async function readHostCertificates(host: string, folders: readonly string[]): Promise<HostCertificates> {
  const none: HostCertificates = { ca: [], client: [] };
  // A URL's host has no slash, but it may be "..".
  if (host.startsWith('.')) return none;
  for (const folder of folders) {
    const path = join(folder, host);
    // A folder that this user may not read is not for this user.
    const names = await readdir(path).catch(() => undefined);
    if (names) return readFolder(path, names.sort());
  }
  return none;
}

async function readFolder(path: string, names: string[]): Promise<HostCertificates> {
  const read = async (name: string): Promise<string> => {
    try {
      const text = await readFile(join(path, name), 'utf8');
      if (text.length <= MAX_SIZE) return text;
    } catch (error) {
      throw invalid(join(path, name), `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
    throw invalid(join(path, name), `is larger than ${MAX_SIZE} bytes`);
  };
  const certs = names.filter((name) => name.endsWith('.cert'));
  const keys = names.filter((name) => name.endsWith('.key'));
  for (const name of certs) {
    if (!keys.includes(keyOf(name))) throw invalid(join(path, name), `has no key beside it, ${keyOf(name)}`);
  }
  for (const name of keys) {
    if (!certs.some((cert) => keyOf(cert) === name)) throw invalid(join(path, name), 'has no certificate beside it');
  }
  return {
    ca: await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read)),
    client: await Promise.all(certs.map(async (name) => ({ cert: await read(name), key: await read(keyOf(name)) }))),
  };
}

function keyOf(cert: string): string {
  return `${cert.slice(0, -'.cert'.length)}.key`;
}

function invalid(path: string, why: string): OciError {
  return new OciError('ERR_OCI_CERTIFICATE', `${path} ${why}`, {
    hint: 'A host’s folder in certs.d holds authorities (*.crt) and pairs of NAME.cert and NAME.key, in PEM.',
  });
}
