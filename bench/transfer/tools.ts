import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { hasCommand } from '../../tools/machine/system-packages.ts';
import { fetchPeer } from '../../tools/machine/peers.ts';
import { findOras } from '../support/peers.ts';
import { BPFSHIP } from '../support/signed-example.ts';

/** A program that moves an artifact between an OCI layout folder and a registry on loopback. */
export interface TransferTool {
  name: string;
  version: string;
  /** The layout has one artifact, with the tag `bench`. */
  push(layout: string, host: string, repository: string): string[];
  pull(layout: string, host: string, repository: string): string[];
}

const SCRIPT = [process.execPath, join(import.meta.dirname, 'plain-script.mjs')];

/** bpfship, the peers that are here, and the plain script. */
export function transferTools(): TransferTool[] {
  const oras = findOras();
  const crane = fetchPeer('crane');
  return [
    {
      name: 'bpfship copy',
      version: 'this commit',
      push: (layout, host, repository) => [
        ...BPFSHIP,
        'copy',
        '--no-recursive',
        '--from-oci-layout',
        `${layout}:bench`,
        `${host}/${repository}:bench`,
      ],
      pull: (layout, host, repository) => [
        ...BPFSHIP,
        'copy',
        '--no-recursive',
        '--to-oci-layout',
        `${host}/${repository}:bench`,
        `${layout}:bench`,
      ],
    },
    {
      name: 'oras cp',
      version: oras.version,
      push: (layout, host, repository) => [
        oras.program,
        'cp',
        '--no-tty',
        '--to-plain-http',
        '--from-oci-layout',
        `${layout}:bench`,
        `${host}/${repository}:bench`,
      ],
      pull: (layout, host, repository) => [
        oras.program,
        'cp',
        '--no-tty',
        '--from-plain-http',
        '--to-oci-layout',
        `${host}/${repository}:bench`,
        `${layout}:bench`,
      ],
    },
    {
      name: 'crane',
      version: 'crane (Debian)',
      push: (layout, host, repository) => [crane, 'push', '--insecure', layout, `${host}/${repository}:bench`],
      pull: (layout, host, repository) => [
        crane,
        'pull',
        '--insecure',
        '--format=oci',
        `${host}/${repository}:bench`,
        layout,
      ],
    },
    ...skopeo(),
    {
      name: 'plain script',
      version: `Node ${process.version} and undici`,
      push: (layout, host, repository) => [...SCRIPT, 'push', layout, host, repository],
      pull: (layout, host, repository) => [...SCRIPT, 'pull', layout, host, repository],
    },
  ];
}

function skopeo(): TransferTool[] {
  if (!hasCommand('skopeo')) return [];
  const copy = ['skopeo', 'copy', '--quiet', '--preserve-digests'];
  return [
    {
      name: 'skopeo copy',
      version: `${execFileSync('skopeo', ['--version'], { encoding: 'utf8' }).trim()} (Debian)`,
      push: (layout, host, repository) => [
        ...copy,
        '--dest-tls-verify=false',
        `oci:${layout}:bench`,
        `docker://${host}/${repository}:bench`,
      ],
      pull: (layout, host, repository) => [
        ...copy,
        '--src-tls-verify=false',
        `docker://${host}/${repository}:bench`,
        `oci:${layout}:bench`,
      ],
    },
  ];
}
