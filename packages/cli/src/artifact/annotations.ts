import { CliError } from '../cli-error.ts';
import { readTextFile } from '../files.ts';

/** Annotations of the manifest and, by the name as it was given, of the files. */
export interface ArtifactAnnotations {
  manifest: Record<string, string>;
  files: ReadonlyMap<string, Record<string, string>>;
}

/** Key of the manifest's annotations in an annotation file, as in oras. */
const MANIFEST_KEY = '$manifest';
/** Key of the config's, which is not written: registries with strict JSON refuse annotations there. */
const CONFIG_KEY = '$config';

/**
 * Reads `--annotation key=value` and the annotation file, whose form is that of oras: `{"$manifest": {…}, "file": {…}}`. The options win.
 *
 * @throws {CliError} `ERR_CLI_USAGE` for what is no annotation.
 */
export async function readAnnotations(
  options: readonly string[] = [],
  file: string | undefined,
): Promise<ArtifactAnnotations> {
  const groups = file === undefined ? new Map<string, Record<string, string>>() : await readGroups(file);
  const manifest = { ...groups.get(MANIFEST_KEY) };
  const seen = new Set<string>();
  for (const option of options) {
    const at = option.indexOf('=');
    const key = option.slice(0, at);
    if (at < 1)
      throw usage(
        `--annotation "${option.slice(0, 128)}" is not key=value`,
        'E.g. --annotation org.opencontainers.image.version=1.0.0',
      );
    if (seen.has(key)) throw usage(`the annotation "${key.slice(0, 128)}" is given twice`, 'Give each once.');
    seen.add(key);
    manifest[key] = option.slice(at + 1);
  }
  groups.delete(MANIFEST_KEY);
  return { manifest, files: groups };
}

async function readGroups(file: string): Promise<Map<string, Record<string, string>>> {
  let value: unknown;
  try {
    value = JSON.parse(await readTextFile(file));
  } catch (error) {
    if (error instanceof CliError) throw error;
  }
  const hint = 'Its form is {"$manifest": {"key": "value"}, "file.txt": {"key": "value"}}.';
  if (!isObject(value)) throw usage(`${file} is not a JSON object of annotations`, hint);
  for (const [name, annotations] of Object.entries(value)) {
    if (!isObject(annotations) || !Object.values(annotations).every((text) => typeof text === 'string'))
      throw usage(`${file}: what "${name.slice(0, 128)}" has are not annotations`, hint);
    if (name === CONFIG_KEY)
      throw usage(
        `${file} has annotations of the config`,
        'Some registries refuse them; put them into the config itself, or under "$manifest".',
      );
  }
  return new Map(Object.entries(value as Record<string, Record<string, string>>));
}

function usage(message: string, hint: string): CliError {
  return new CliError('ERR_CLI_USAGE', message, hint);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
