import { expect } from 'vitest';
import { createRegistry, type Registry, type RegistryOptions } from '@bpfship/registry-dev';
import { runCli } from './cli.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/** Password of the test keys; no output may hold it. */
export const PASSWORD = 'correct horse battery staple';

/** A service that was built, packed and signed by the command line itself, and a registry that holds it. */
export interface PackedService extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly registry: Registry;
  /** `folder:tag` of the OCI layout. */
  readonly layout: string;
  /** Reference in the registry. */
  readonly reference: string;
  readonly publicKey: string;
  readonly privateKey: string;
  readonly env: Record<string, string>;
}

/** Runs a command that must succeed. */
export async function succeed(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const outcome = await runCli(args, { env });
  expect(outcome, args.join(' ')).toMatchObject({ status: 0 });
  return outcome.stdout;
}

/** init → build → pack → sign → push. */
export async function packService(
  options: { sign?: boolean; registry?: Partial<RegistryOptions> } = {},
): Promise<PackedService> {
  const folder = temporaryFolder();
  const registry = await createRegistry({ root: folder.file('registry'), ...options.registry });
  const env = { BPFSHIP_PASSWORD: PASSWORD };
  const layout = `${folder.file('layout')}:0.1.0`;
  const reference = `${registry.host}/acme/probe:0.1.0`;
  const service: PackedService = {
    folder,
    registry,
    layout,
    reference,
    env,
    publicKey: folder.file('acme.pub'),
    privateKey: folder.file('acme.key'),
    async [Symbol.asyncDispose]() {
      await registry.close();
      folder[Symbol.dispose]();
    },
  };
  try {
    await succeed(['init', folder.file('probe')]);
    await succeed(['build', folder.file('probe')]);
    await succeed(['pack', folder.file('probe'), '--output', folder.file('layout')]);
    await succeed(['generate-key-pair', '--output-key-prefix', folder.file('acme')], env);
    if (options.sign !== false) await succeed(['sign', '--key', service.privateKey, '--oci-layout', layout], env);
    await succeed(['push', layout, reference]);
    return service;
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}
