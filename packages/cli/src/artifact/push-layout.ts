import { copy, openTarget, requireReference } from '@bpfship/oras-client';
import type { CommandContext } from '../context.ts';
import type { RegistryOptionValues } from '../options/registry-options.ts';
import { suggestingCompat } from '../suggest-compat.ts';
import { createProgress } from '../terminal/progress.ts';
import { isInteractive } from '../terminal/streams.ts';
import { descriptorData } from './descriptor-data.ts';
import { openPushTarget, requireTag, tagMore } from './tags.ts';

/** Pushes a package with its signatures from an OCI layout folder. */
export async function pushLayout(
  layout: string,
  reference: string,
  values: RegistryOptionValues & { concurrency: number },
  context: CommandContext,
): Promise<void> {
  const { printer, streams, options, signal } = context;
  await using source = await openTarget(layout, { ociLayout: true });
  await using destination = await openPushTarget(reference, values, context);
  const progress = createProgress(streams, {
    interactive: isInteractive(streams, !options.tty),
    quiet: options.quiet,
    words: { doing: 'Pushing', done: 'Pushed' },
  });
  try {
    const from = requireReference(source);
    const to = requireTag(destination);
    const descriptor = await suggestingCompat({ target: source.target, reference: from }, () =>
      copy(source.target, from, destination.target, to, {
        concurrency: values.concurrency,
        withReferrers: true,
        onProgress: progress.onProgress,
        signal,
      }),
    );
    const others = await tagMore(destination, descriptor, signal);
    const data = descriptorData(destination.location, descriptor);
    printer.result({
      text: [
        `Pushed ${destination.display}`,
        ...others.map((tag) => `Tagged ${tag}`),
        `Digest: ${descriptor.digest}`,
      ].join('\n'),
      data: {
        ...data,
        tag: destination.reference,
        referenceAsTags: destination.tags.map((tag) => `${destination.location}:${tag}`),
      },
      brief: data.reference,
    });
  } finally {
    progress.close();
  }
}
