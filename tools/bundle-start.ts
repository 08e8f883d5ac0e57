import type { OutputChunk, Plugin } from 'rolldown';

/**
 * Takes out of a bundle what it would load and never use: undici's HTTP/2 (the client keeps to HTTP/1.1), which brings node:http2 and
 * node:tls along, 20 ms of every command; and node:child_process until something is spawned.
 */
export const leaveOutUnused: Plugin = {
  name: 'leave-out-unused',
  resolveId(source, importer) {
    if (source.endsWith('/client-h2.js') && importer?.includes('/undici/')) return '\0no-http2';
    const isLate = importer?.includes('/commander/') || importer?.endsWith('/credentials/helper.js');
    if (source === 'node:child_process' && isLate) return '\0late-child-process';
    // It is a global, too, that Node makes when it is asked for.
    if (source === 'node:perf_hooks' && importer?.includes('/oras-client/')) return '\0global-performance';
    return undefined;
  },
  load(id) {
    if (id === '\0no-http2')
      return "module.exports = () => { throw new Error('HTTP/2 is not part of this program'); };";
    if (id === '\0late-child-process') {
      return "export const spawn = (...args) => process.getBuiltinModule('node:child_process').spawn(...args); export default { spawn };";
    }
    if (id === '\0global-performance') return 'export const performance = { now: () => globalThis.performance.now() };';
    return undefined;
  },
};

/** What commands on registries share is in one file: finding and reading a file costs more than what is in it. */
export const REGISTRY_CHUNK: { name: string; test: RegExp; includeDependenciesRecursively: boolean } = {
  name: 'registry',
  test: /global-performance|[\\/]packages[\\/](?:oras-client[\\/]dist[\\/]|cli[\\/]dist[\\/](?:artifact[\\/](?!service-layers|referrer-tree)|files\.|suggest-compat\.|terminal[\\/]progress\.|options[\\/](?:registry-options|artifact-options|numbers|state-option)\.))/,
  includeDependenciesRecursively: false,
};

/** One import of a module of Node, as rolldown writes it. */
const BUILTIN_IMPORT =
  /import\s*(?:([\w$]+)\s*,?\s*)?(?:\{([^}]*)\}|\*\s*as\s+([\w$]+))?\s*from\s*["'](node:[a-z0-9_/]+)["'];?/y;
/** Another import at the head of a chunk. */
const OTHER_IMPORT = /import\s*(?:[^"';]*from\s*)?["'][^"']+["'];?/y;

/**
 * The chunk's code with `process.getBuiltinModule` in place of imports of Node's modules: an import asks for every export of a module, and
 * getters among them load half of Node (node:http, 40 ms).
 */
export function takeBuiltinsLate(code: string): string {
  let head = '';
  let at = 0;
  for (;;) {
    const space = /^\s*/.exec(code.slice(at))?.[0].length ?? 0;
    const builtin = matchAt(BUILTIN_IMPORT, code, at + space);
    const other = builtin ? undefined : matchAt(OTHER_IMPORT, code, at + space);
    const found = builtin ?? other;
    if (!found) return head + code.slice(at);
    head += builtin ? asConstants(builtin) : `${found[0]}\n`;
    at += space + found[0].length;
  }
}

function matchAt(pattern: RegExp, code: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(code) ?? undefined;
}

function asConstants([, whole, names, namespace, module = '']: RegExpExecArray): string {
  const got = `process.getBuiltinModule(${JSON.stringify(module)})`;
  const renamed = names?.replace(/([\w$]+)\s+as\s+/g, '$1:');
  return [
    ...(whole === undefined ? [] : [`const ${whole}=${got};`]),
    ...(namespace === undefined ? [] : [`const ${namespace}=${got};`]),
    ...(renamed === undefined ? [] : [`const {${renamed}}=${got};`]),
  ].join('');
}

/** @throws {Error} where chunks import each other in a circle: one would run before its constants are there. */
export function refuseCircles(chunks: readonly OutputChunk[]): void {
  const imports = new Map(chunks.map((chunk) => [chunk.fileName, chunk.imports]));
  const done = new Set<string>();
  const visit = (name: string, above: readonly string[]): void => {
    if (above.includes(name)) throw new Error(`chunks import each other: ${[...above, name].join(' -> ')}`);
    if (done.has(name)) return;
    for (const next of imports.get(name) ?? []) visit(next, [...above, name]);
    done.add(name);
  };
  for (const name of imports.keys()) visit(name, []);
}
