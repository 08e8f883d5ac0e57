import { Command } from 'commander';
import { copy, openTarget, requireReference } from '@bpfship/oras-client';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { wholeNumber } from '../options/numbers.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';
import { suggestingCompat } from '../suggest-compat.ts';
import { createProgress } from '../terminal/progress.ts';
import { isInteractive } from '../terminal/streams.ts';

/** `bpfship push LAYOUT REFERENCE` */
export function createPushCommand(getContext: GetContext): Command {
  const command = new Command('push')
    .summary('push a package to a registry')
    .description(
      'Pushes a package, with its signatures, from an OCI layout folder to a registry. What is there already is not sent again.',
    )
    .argument('<layout>', 'folder and tag that "bpfship pack" wrote, e.g. build/exec-watch:1.0.0')
    .argument('<reference>', 'where to, e.g. ghcr.io/acme/exec-watch:1.0.0')
    .option('--concurrency <number>', 'blobs at the same time', wholeNumber(1, 64), 5);
  addExamples(addRegistryOptions(command), [
    ['Push to GHCR with docker’s credentials', 'bpfship push build/exec-watch:1.0.0 ghcr.io/acme/exec-watch:1.0.0'],
    ['Push to a registry on this machine', 'bpfship push build/exec-watch:1.0.0 127.0.0.1:5000/exec-watch:1.0.0'],
    ['Keep just the digest', 'bpfship push -q build/exec-watch:1.0.0 ghcr.io/acme/exec-watch:1.0.0'],
  ]);
  return command.action(
    async (layout: string, reference: string, values: RegistryOptionValues & { concurrency: number }) => {
      const context = getContext();
      const { printer, streams, options, signal } = context;
      await using source = await openTarget(layout, { ociLayout: true });
      await using destination = await openReference(reference, values, context);
      const progress = createProgress(streams, {
        interactive: isInteractive(streams, !options.tty),
        quiet: options.quiet,
        words: { doing: 'Pushing', done: 'Pushed' },
      });
      try {
        const [from, to] = [requireReference(source), requireReference(destination)];
        const descriptor = await suggestingCompat({ target: source.target, reference: from }, () =>
          copy(source.target, from, destination.target, to, {
            concurrency: values.concurrency,
            withReferrers: true,
            onProgress: progress.onProgress,
            signal,
          }),
        );
        const digestReference = `${destination.location}@${descriptor.digest}`;
        printer.result({
          text: `Pushed ${destination.display}\nDigest: ${descriptor.digest}`,
          data: {
            reference: digestReference,
            tag: destination.reference,
            mediaType: descriptor.mediaType,
            digest: descriptor.digest,
            size: descriptor.size,
          },
          brief: digestReference,
        });
      } finally {
        progress.close();
      }
    },
  );
}
