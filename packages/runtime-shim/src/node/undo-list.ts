/** What must be done to be as before, newest step first. */
export class UndoList {
  readonly #steps: { what: string; undo: () => Promise<void> | void }[] = [];

  /** @param what - what the step does, for the message where it fails. */
  push(what: string, undo: () => Promise<void> | void): void {
    this.#steps.push({ what, undo });
  }

  /** Undoes all that can be: one step that fails does not keep the others from being done. @returns what failed, a line each. */
  async run(): Promise<string[]> {
    const failed: string[] = [];
    for (const { what, undo } of this.#steps.splice(0).toReversed()) {
      try {
        await undo();
      } catch (error) {
        failed.push(`${what} failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return failed;
  }
}
