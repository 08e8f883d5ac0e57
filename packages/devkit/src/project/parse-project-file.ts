import { type Document, LineCounter, type Node, isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { z } from 'zod';
import { DevkitError } from '../devkit-error.ts';
import { type ProjectFile, ProjectFileSchema } from './project-file-schema.ts';
import { suggestKey } from './suggest-key.ts';

/** Every key of a project file, for suggestions. */
const KNOWN_KEYS: Record<string, readonly string[]> = {
  '': [
    'name',
    'version',
    'description',
    'licenses',
    'source',
    'docs',
    'include',
    'defines',
    'events',
    'metrics',
    'parameters',
    'switching',
    'migrations',
    'health',
    'variants',
  ],
  parameters: ['name', 'description', 'default'],
  migrations: ['map', 'from', 'rule'],
  health: ['for', 'eventsFlow', 'errorCounter', 'runTime', 'runs'],
  events: ['map', 'type', 'description', 'fields'],
  metrics: ['name', 'type', 'map', 'description', 'unit', 'value', 'divisor', 'labels', 'slots', 'step', 'sum'],
  variants: ['name', 'sources', 'defines', 'flags', 'architectures', 'byteOrder'],
};

/**
 * Checks the text of a project file.
 *
 * @param file - its name, for messages.
 * @throws {DevkitError} `ERR_PROJECT_INVALID` for the first broken rule, with line, path and hint.
 */
export function parseProjectFile(text: string, file: string): ProjectFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const syntax = document.errors[0];
  if (syntax) {
    throw new DevkitError('ERR_PROJECT_INVALID', `${file} is not YAML: ${syntax.message}`, {
      file,
      line: lines.linePos(syntax.pos[0]).line,
      hint: `Open the file at line ${lines.linePos(syntax.pos[0]).line}.`,
      cause: syntax,
    });
  }
  const result = ProjectFileSchema.safeParse(toValue(document, file));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw issue ? invalid(issue, { document, lines, file }) : result.error;
}

/** Aliases are bounded: a few lines of YAML can stand for gigabytes. */
function toValue(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new DevkitError('ERR_PROJECT_INVALID', `${file} uses too many YAML aliases`, {
      file,
      hint: 'Write the values out.',
      cause,
    });
  }
}

interface Place {
  document: Document.Parsed;
  lines: LineCounter;
  file: string;
}

function invalid(issue: z.core.$ZodIssue, { document, lines, file }: Place): DevkitError {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const at = unknown === undefined ? issue.path : [...issue.path, unknown];
  const offset = findOffset(document, at);
  const line = offset === undefined ? undefined : lines.linePos(offset).line;
  const path = formatPath(at);
  const missing = issue.code === 'invalid_type' && issue.input === undefined && document.getIn(at) === undefined;
  const what = unknown === undefined ? (missing ? 'is missing' : lowerFirst(issue.message)) : 'is no known key';
  const where = line === undefined ? file : `${file}:${line}`;
  return new DevkitError('ERR_PROJECT_INVALID', `${where}: ${path === '' ? 'the project file' : path} ${join(what)}`, {
    file,
    ...(line === undefined ? {} : { line }),
    path,
    hint: hintFor(unknown, issue.path, path),
    cause: issue,
  });
}

function hintFor(unknown: string | undefined, parent: readonly PropertyKey[], path: string): string {
  if (unknown === undefined)
    return `Correct ${path === '' ? 'the file' : `"${path}"`}; all keys are described in the devkit's README.`;
  const known = KNOWN_KEYS[parent.length === 0 ? '' : String(parent[0])] ?? [];
  const suggestion = suggestKey(unknown, known);
  return suggestion === undefined ? `Known keys here: ${known.join(', ')}.` : `Did you mean "${suggestion}"?`;
}

/** Where the value, or the deepest part of its path that exists, begins. For a key, its own place. */
function findOffset(document: Document.Parsed, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && key.value === last);
      if (isNode(pair?.key)) return startOf(pair.key);
    }
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return startOf(node);
  }
  return document.contents === null ? undefined : startOf(document.contents);
}

function startOf(node: Node): number | undefined {
  return node.range?.[0];
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i ? '.' : ''}${String(key)}`)).join('');
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** zod's own messages begin with "Invalid …" and need a verb before them; ours begin with one. */
function join(what: string): string {
  return /^(?:must|is|has|needs)\b/.test(what) ? what : `is not right: ${what}`;
}
