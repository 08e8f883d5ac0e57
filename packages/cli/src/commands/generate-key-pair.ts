import { rm, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { generateKeyPair, type KeyPair } from '@bpfship/trust';
import type { GetContext } from '../context.ts';
import { fileError } from '../files.ts';
import { addExamples } from '../options/examples.ts';
import { readPassword } from '../options/key-options.ts';

/** `bpfship generate-key-pair` */
export function createGenerateKeyPairCommand(getContext: GetContext): Command {
  const command = new Command('generate-key-pair')
    .summary('make a key pair for signing')
    .description(
      'Makes a P-256 key pair. The private key is encrypted in the format of cosign, which can use it too. Existing files are never overwritten.',
    )
    .option('--output-key-prefix <prefix>', 'file names: PREFIX.key and PREFIX.pub', 'bpfship');
  addExamples(command, [
    ['Be asked for a password', 'bpfship generate-key-pair'],
    ['In a script', 'BPFSHIP_PASSWORD="$(cat password)" bpfship generate-key-pair'],
    ['Other file names', 'bpfship generate-key-pair --output-key-prefix release'],
  ]);
  return command.action(async ({ outputKeyPrefix }: { outputKeyPrefix: string }) => {
    const context = getContext();
    const password = await readPassword(context, 'Password for the private key: ');
    const pair = await generateKeyPair({ password });
    const files = { privateKey: `${outputKeyPrefix}.key`, publicKey: `${outputKeyPrefix}.pub` };
    await writePair(files, pair);
    context.printer.result({
      text: `Private key: ${files.privateKey}\nPublic key: ${files.publicKey}`,
      data: files,
      brief: files.publicKey,
    });
  });
}

/** Both files, or none. */
async function writePair(files: { privateKey: string; publicKey: string }, pair: KeyPair): Promise<void> {
  await writeNew(files.privateKey, pair.privateKey, 0o600);
  try {
    await writeNew(files.publicKey, pair.publicKey, 0o644);
  } catch (error) {
    await rm(files.privateKey);
    throw error;
  }
}

async function writeNew(path: string, content: string, mode: number): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode });
  } catch (error) {
    throw fileError(error, path, 'written');
  }
}
