import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What was learnt of one source, so that the next look is one conditional request. */
export interface SourceMemory {
  /** Which source it is about: another one knows nothing of it. */
  source: string;
  /** Entity tag of the list of tags, or digest of the catalogue. */
  known?: string;
  /** The tag that was chosen, where tags were listed. */
  tag?: string;
  /** Where the package is, where a catalogue said it. */
  repository?: string;
  version?: string;
  /** Digest of the package's manifest. */
  digest: string;
}

/** Larger files are not ours. */
const MAX_SIZE: number = 4 * 1024 * 1024;

/** Memory of sources beside the state. Nothing depends on it: where it is lost or damaged, more is asked. */
export class SourceMemories {
  readonly #path: string;
  #entries: Map<string, SourceMemory> | undefined;
  #changed = false;

  constructor(stateDir: string) {
    this.#path = join(stateDir, 'sources.json');
  }

  async get(service: string, source: string): Promise<SourceMemory | undefined> {
    this.#entries ??= await readEntries(this.#path);
    const found = this.#entries.get(service);
    return found?.source === source ? found : undefined;
  }

  set(service: string, memory: SourceMemory): void {
    this.#entries ??= new Map();
    if (JSON.stringify(this.#entries.get(service)) === JSON.stringify(memory)) return;
    this.#entries.set(service, memory);
    this.#changed = true;
  }

  /** Writes what has changed. A full disk is told by what matters more. */
  async save(): Promise<void> {
    if (!this.#changed || this.#entries === undefined) return;
    this.#changed = false;
    const temporary = `${this.#path}.${process.pid}.new`;
    try {
      await writeFile(temporary, JSON.stringify(Object.fromEntries(this.#entries)), { mode: 0o600 });
      await rename(temporary, this.#path);
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }
}

async function readEntries(path: string): Promise<Map<string, SourceMemory>> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_SIZE) return new Map();
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    const entries = Object.entries(value as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, SourceMemory] => isMemory(entry[1])));
  } catch {
    return new Map();
  }
}

function isMemory(value: unknown): value is SourceMemory {
  if (typeof value !== 'object' || value === null) return false;
  const { source, digest, known, tag, repository, version } = value as Record<string, unknown>;
  const optional = [known, tag, repository, version].every((one) => one === undefined || typeof one === 'string');
  return typeof source === 'string' && typeof digest === 'string' && optional;
}
