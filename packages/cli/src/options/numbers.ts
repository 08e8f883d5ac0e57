import { InvalidArgumentError } from 'commander';

/** Longest time that a timer of Node can wait, in whole seconds (2^31 - 1 milliseconds). */
export const MAX_SECONDS = 2_147_483;

/** Reads an option that is a whole number; anything else is wrong usage, never `NaN`. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(
      max === Number.MAX_SAFE_INTEGER
        ? `It must be a whole number from ${min}.`
        : `It must be a whole number from ${min} to ${max}.`,
    );
  };
}

/** Reads an option that is a time in seconds; fractions are allowed. */
export function seconds(text: string): number {
  const value = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw new InvalidArgumentError(`It must be seconds above 0 and up to ${MAX_SECONDS}, such as 10 or 0.5.`);
}
