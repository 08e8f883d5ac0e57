import { join } from 'node:path';

/** A project after compilation. */
export interface BuiltProject {
  /** Where the objects lie. */
  directory: string;
  name: string;
  version: string;
  /** First line of `clang --version`. */
  compiler: string;
  /** In the order of the project's variants. */
  objects: BuiltObject[];
}

/** One compiled object. */
export interface BuiltObject {
  variant: string;
  byteOrder: 'little' | 'big';
  /** Absent where every architecture of the variant gave the same bytes, so that any of the byte order will do. */
  architecture?: string;
  /** Absolute path. */
  path: string;
  /** `sha256:` digest of the bytes. */
  digest: string;
  bytes: Uint8Array;
}

/** What a build reports while it runs. */
export type BuildStep =
  | { kind: 'toolchain'; clang: string; version: string; strip: string }
  | {
      kind: 'compiled';
      variant: string;
      architecture: string;
      command: string[];
      /** clang's warnings; empty where there are none. */
      warnings: string;
      milliseconds: number;
    }
  | { kind: 'object'; variant: string; architecture?: string; path: string; size: number; digest: string };

/** The part of an object's file name that tells the forms of one variant apart. */
export function formSuffix({ architecture, byteOrder }: Pick<BuiltObject, 'architecture' | 'byteOrder'>): string {
  return architecture === undefined ? (byteOrder === 'big' ? '-big' : '') : `-${architecture}`;
}

/** Where a project's objects go unless told otherwise. */
export function defaultBuildDirectory(project: { directory: string }): string {
  return join(project.directory, 'build');
}
