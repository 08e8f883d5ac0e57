import { getAsset, isSea } from 'node:sea';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { shareEmbeddedFiles } from './embedded-files.ts';

/** A worker's code. */
export interface WorkerFile {
  /** `import.meta.url` of who starts it. */
  from: string;
  /** The built file, seen from an unbuilt source: Node 22 cannot parse `using`, which only the build takes away. */
  built: string;
}

/** Starts a worker thread; in the single executable, from what is inside. */
export function startWorker({ from, built }: WorkerFile, options: WorkerOptions): Worker {
  const file = built.slice(built.lastIndexOf('/') + 1);
  if (isSea()) {
    shareEmbeddedFiles();
    const name = JSON.stringify(file.replace(/\.js$/, ''));
    return new Worker(`${getAsset('loader.js', 'utf8')}\nrunEmbedded(${name});`, { ...options, eval: true });
  }
  // Of a script in an argument, Node would hand its workers what it refuses for files.
  const inherited = process.execArgv.some((argument) => argument.startsWith('--input-type')) ? { execArgv: [] } : {};
  return new Worker(new URL(from.endsWith('.ts') ? built : `./${file}`, from), { ...inherited, ...options });
}
