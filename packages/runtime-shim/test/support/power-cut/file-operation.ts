/** One thing that a process did to files. Paths are relative to a folder, '' is the folder itself. Writes are at the end of the file. */
export type FileOperation =
  | { kind: 'mkdir' | 'create' | 'truncate' | 'remove'; path: string }
  | { kind: 'symlink'; path: string; to: string }
  | { kind: 'rename'; from: string; to: string }
  /** `bytes` in Base64. */
  | { kind: 'write'; path: string; bytes: string }
  /** fsync(2) of a file or a folder. */
  | { kind: 'sync'; path: string };
