/** What can be done with a repository. */
export type Action = 'pull' | 'push' | 'delete';

/** Whoever sent a request. */
export interface Caller {
  /** Absent: nobody signed in. */
  readonly user?: string;
  /** Why its credentials do not count, in the words of the challenge (RFC 6750, 3.1). */
  readonly problem?: string;
  may(repository: string, action: Action): boolean;
  /** Whether the user, with another token perhaps, may pull. A mount without a source cannot ask for a token of the right scope. */
  couldPull(repository: string): boolean;
}

/** Where nobody has to sign in. */
export const EVERYBODY: Caller = { may: () => true, couldPull: () => true };
