import { Command } from 'commander';
import { addExamples } from '../options/examples.ts';
import type { GetContext } from '../context.ts';
import { createManifestDeleteCommand } from './manifest-delete.ts';
import { createManifestFetchCommand, createManifestFetchConfigCommand } from './manifest-fetch.ts';
import { createManifestPushCommand } from './manifest-push.ts';

/** `bpfship manifest` */
export function createManifestCommand(getContext: GetContext): Command {
  const command = new Command('manifest')
    .summary('fetch, push and delete manifests')
    .description('Works on the manifests themselves, byte for byte.');
  addExamples(command, [
    ['Look at a manifest', 'bpfship manifest fetch --pretty ghcr.io/acme/exec-watch:1.0.0'],
    ['Push one', 'bpfship manifest push ghcr.io/acme/exec-watch:1.0.0 manifest.json'],
    ['Delete one', 'bpfship manifest delete ghcr.io/acme/exec-watch:0.9.0'],
  ]);
  command.addCommand(createManifestFetchCommand(getContext));
  command.addCommand(createManifestFetchConfigCommand(getContext));
  command.addCommand(createManifestPushCommand(getContext));
  command.addCommand(createManifestDeleteCommand(getContext));
  return command;
}
