import { Command } from 'commander';
import { requireReference } from '@bpfship/oras-client';
import { verifyArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addVerifyOptions, policyFrom, type VerifyOptionValues } from '../options/key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues, VerifyOptionValues {
  ociLayout?: boolean;
}

/** `bpfship verify REFERENCE --key KEY` */
export function createVerifyCommand(getContext: GetContext): Command {
  const command = new Command('verify')
    .summary('verify the signature of a package')
    .description(
      'Verifies that a trusted key signed exactly this package. Lists the checks that were made; nothing else is claimed.',
    )
    .argument('<reference>', 'the package')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(addVerifyOptions(command)), [
    ['With the publisher’s public key', 'bpfship verify --key bpfship.pub ghcr.io/acme/exec-watch:1.0.0'],
    ['In a folder, without a network', 'bpfship verify --key bpfship.pub --oci-layout ./exec-watch:1.0.0'],
    ['The same with cosign', 'cosign verify --key bpfship.pub --insecure-ignore-tlog ghcr.io/acme/exec-watch:1.0.0'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const policy = await policyFrom(values, context);
    if (policy === undefined)
      throw new CliError(
        'ERR_CLI_USAGE',
        'verify needs to know whose signature is trusted',
        'Name a public key with --key FILE.',
      );
    await using opened = await openReference(reference, values, context);
    const subject = await opened.target.resolve(requireReference(opened), { signal: context.signal });
    const { bundle: _bundle, ...verification } = await verifyArtifact({
      target: opened.target,
      subject,
      policy,
      signal: context.signal,
    });
    const lines = verification.checks.map(({ name, detail }) => `  - ${name}${detail ? `: ${detail}` : ''}`);
    context.printer.result({
      text: `Verified ${opened.location}@${subject.digest}\nSigned by key ${verification.signer.hint}\nChecks made:\n${lines.join('\n')}`,
      data: { reference: `${opened.location}@${subject.digest}`, ...verification },
      brief: subject.digest,
    });
  });
}
