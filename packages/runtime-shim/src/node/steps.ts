/** The steps of an install, upgrade or rollback. */
export type StepName =
  | 'resolve'
  | 'verify'
  | 'facts'
  | 'supplement'
  | 'select'
  | 'fetch'
  | 'load'
  | 'migrate'
  | 'attach'
  | 'record'
  | 'health'
  | 'prefetch';

/** One step that is done. */
export interface InstallProgress {
  step: StepName;
  milliseconds: number;
  /** One line for people. */
  detail: string;
  /** Bytes that were fetched in it. */
  bytes?: number;
}

/** Times steps and tells of them. */
export class StepTimer {
  readonly steps: InstallProgress[] = [];
  readonly #tell: ((progress: InstallProgress) => void) | undefined;

  constructor(tell: ((progress: InstallProgress) => void) | undefined) {
    this.#tell = tell;
  }

  /** Runs a step; `describe` says what came of it. */
  async run<T>(
    step: StepName,
    action: () => Promise<T>,
    describe: (result: T) => { detail: string; bytes?: number },
  ): Promise<T> {
    const begin = performance.now();
    const result = await action();
    const progress = { step, milliseconds: Math.round((performance.now() - begin) * 1000) / 1000, ...describe(result) };
    this.steps.push(progress);
    this.#tell?.(progress);
    return result;
  }
}
