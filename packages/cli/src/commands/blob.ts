import { Command } from 'commander';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { createBlobDeleteCommand } from './blob-delete.ts';
import { createBlobFetchCommand } from './blob-fetch.ts';
import { createBlobPushCommand } from './blob-push.ts';

/** `bpfship blob` */
export function createBlobCommand(getContext: GetContext): Command {
  const command = new Command('blob')
    .summary('fetch, push and delete blobs')
    .description('Works on blobs: layers and configs, by their digests.');
  addExamples(command, [
    ['Fetch a layer', 'bpfship blob fetch -o layer.tar.gz ghcr.io/acme/exec-watch@sha256:9f86d081...'],
    ['Push a file', 'bpfship blob push ghcr.io/acme/exec-watch layer.tar.gz'],
    ['Delete one', 'bpfship blob delete 127.0.0.1:5000/exec-watch@sha256:9f86d081...'],
  ]);
  command.addCommand(createBlobFetchCommand(getContext));
  command.addCommand(createBlobPushCommand(getContext));
  command.addCommand(createBlobDeleteCommand(getContext));
  return command;
}
