import { arch } from 'node:os';

/** OCI architecture names by Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
  arm: 'arm',
  ppc64: 'ppc64le',
};

/** The OCI architecture name of this node. */
export function nodeArchitecture(): string {
  return ARCHITECTURES[arch()] ?? arch();
}
