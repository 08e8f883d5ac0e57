import { readFileSync } from 'node:fs';
import { deriveRequirements, readBpfObject, type Requirement } from '@bpfship/bpf-object';

/** Requirements of all programs of objects, each once but for who has them: the questions that facts must answer. */
export function collectRequirements(paths: readonly string[]): Requirement[] {
  const found = new Map<string, Requirement>();
  for (const path of paths) {
    for (const requirement of requirementsOf(path)) {
      if (requirement.kind === 'core-relocation') continue;
      const key = JSON.stringify({ ...requirement, programs: [], maps: [] });
      if (!found.has(key)) found.set(key, requirement);
    }
  }
  return [...found.values()];
}

function requirementsOf(path: string): Requirement[] {
  try {
    const object = readBpfObject(readFileSync(path));
    return object.programs.flatMap(({ name }) => programRequirements(object, name));
  } catch {
    return [];
  }
}

function programRequirements(object: ReturnType<typeof readBpfObject>, name: string): Requirement[] {
  try {
    return deriveRequirements(object, { programs: [name] }).requirements;
  } catch {
    return [];
  }
}
