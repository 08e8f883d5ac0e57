import { OciError } from './errors.ts';

/** Runs an action of one end of a copy, and tells that end in its errors. */
export async function atSide<T>(side: 'source' | 'destination', action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw withSide(error, side);
  }
}

/** The error, with the end of a copy that failed. */
export function withSide(error: unknown, side: 'source' | 'destination'): unknown {
  if (error instanceof OciError) error.side ??= side;
  return error;
}
