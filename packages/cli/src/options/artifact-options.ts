import { type Command, Option } from 'commander';
import { wholeNumber } from './numbers.ts';

/** Values of the options that {@link addArtifactOptions} adds. */
export interface ArtifactOptionValues {
  artifactType?: string;
  annotation?: string[];
  annotationFile?: string;
  config?: string;
  exportManifest?: string;
  concurrency: number;
}

/** Options of what makes an artifact of files; names as in oras. */
export function addArtifactOptions(command: Command): Command {
  const group = 'Artifact options:';
  const options = [
    new Option('--artifact-type <type>', 'what the artifact is, as a media type'),
    new Option('-a, --annotation <key=value>', 'annotation of the manifest; may be given several times').argParser(
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    ),
    new Option('--annotation-file <file>', 'annotations of manifest and files, in JSON'),
    new Option('--config <file[:type]>', 'a file as the config (default: the empty one)'),
    new Option('--export-manifest <file>', 'also write the manifest that was pushed to a file'),
  ];
  for (const option of options) command.addOption(option.helpGroup(group));
  return command.addOption(
    new Option('--concurrency <number>', 'blobs at the same time').argParser(wholeNumber(1, 64)).default(5),
  );
}
