import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** The command line as a program. */
export const BPFSHIP: string = join(ROOT, 'packages', 'cli', 'bin', 'bpfship.js');

/** The examples as signed packages in OCI layouts, with the key that signed them. */
export interface SignedExamples {
  /** Everything is below this folder. */
  folder: string;
  /** OCI layout of a service, with the tags 1.0.0 and 1.1.0. */
  layout(service: string): string;
  key: { private: string; public: string };
  remove(): void;
}

/** Runs the command line; throws with its stderr where it fails. */
export function bpfship(args: string[], env: Record<string, string> = {}): string {
  return execFileSync(process.execPath, [BPFSHIP, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BPFSHIP_PASSWORD: 'test', ...env },
  });
}

/** Builds, packs and signs versions of examples, with the real compiler, into a temporary folder. Default: both of both. */
export function buildSignedExamples(
  services: readonly string[] = ['exec-watch', 'xdp-guard'],
  versions: readonly string[] = ['1.0.0', '1.1.0'],
): SignedExamples {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-examples-'));
  const layout = (service: string): string => join(folder, service);
  const key = { private: join(folder, 'test.key'), public: join(folder, 'test.pub') };
  try {
    bpfship(['generate-key-pair', '--output-key-prefix', join(folder, 'test')]);
    for (const service of services) {
      for (const version of versions) {
        const project = join(ROOT, 'examples', service, version === '1.0.0' ? '1.0.0' : '');
        const objects = join(folder, 'objects', `${service}-${version}`);
        bpfship(['build', project, '--output', objects]);
        bpfship(['pack', project, '--objects', objects, '--output', layout(service)]);
        bpfship(['sign', '--key', key.private, '--oci-layout', `${layout(service)}:${version}`]);
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return { folder, layout, key, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
