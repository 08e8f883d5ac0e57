import { type SecureContext } from 'node:tls';
import { OciError } from '../errors.ts';
import { type HostCertificates, readHostCertificates, usualCertsFolders } from './certs-folder.ts';
import type { RemoteOptions } from './options.ts';

/** TLS settings that count for one registry's own origin, and for no host that it names. */
export type OwnTls = Pick<RemoteOptions, 'cert' | 'key' | 'insecureTls'>;

/** What a connection's TLS is made of; empty where Node's defaults do. */
export interface TlsSettings {
  secureContext?: SecureContext;
  rejectUnauthorized?: false;
}

/**
 * TLS of a host: authorities of `--ca-file` and of the host's folder in certs.d, in addition to the known ones; a client certificate
 * only where the host is the registry itself.
 *
 * @param system - also takes the operating system's authorities, which cost a tenth of a second to read.
 * @throws {OciError} `ERR_OCI_CERTIFICATE`.
 */
export async function tlsSettings(
  url: URL,
  own: OwnTls | undefined,
  options: Pick<RemoteOptions, 'ca' | 'certsFolders'>,
  system: boolean,
): Promise<TlsSettings> {
  const found = await readHostCertificates(url.host, options.certsFolders ?? usualCertsFolders());
  const client = own ? clientCertificates(own, found) : [];
  const ca = [...found.ca, ...(options.ca === undefined ? [] : [options.ca])];
  const unverified = own?.insecureTls ? { rejectUnauthorized: false as const } : {};
  if (ca.length === 0 && client.length === 0 && !system) return unverified;
  const { createSecureContext, getCACertificates } = await import('node:tls');
  try {
    const secureContext = createSecureContext({
      // TLS takes a given list instead of the known one, not in addition to it.
      ...(ca.length > 0 || system
        ? { ca: [...getCACertificates('default'), ...(system ? getCACertificates('system') : []), ...ca] }
        : {}),
      ...(client.length > 0 ? { cert: client.map(({ cert }) => cert), key: client.map(({ key }) => key) } : {}),
    });
    return { secureContext, ...unverified };
  } catch (error) {
    // No cause: OpenSSL's errors may quote what they read.
    const code = (error as NodeJS.ErrnoException).code ?? 'not PEM';
    throw new OciError('ERR_OCI_CERTIFICATE', `a certificate or key for ${url.host} cannot be used (${code})`, {
      registry: url.host,
      hint: 'Certificates, authorities and keys are given in PEM; a key must belong to its certificate and have no passphrase.',
    });
  }
}

function clientCertificates({ cert, key }: OwnTls, found: HostCertificates): HostCertificates['client'] {
  if (cert === undefined && key === undefined) return found.client;
  if (cert !== undefined && key !== undefined) return [{ cert, key }];
  throw new OciError('ERR_OCI_CERTIFICATE', 'a client certificate needs both the certificate and its key', {
    hint: 'Give both --cert-file and --key-file.',
  });
}
