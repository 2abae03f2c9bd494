// The number that somebody types at a booth. Pure. Invariant: at most eight digits, and nothing else.
export const LENGTH = 8;

/** After a key of the pad or of a keyboard; what isn't a digit or `Backspace` changes nothing. */
export function typed(digits: string, key: string): string {
  if (key === "Backspace") return digits.slice(0, -1);
  // Keyboards for Japanese may give full-width digits.
  const digit = key.normalize("NFKC");
  return /^\d$/.test(digit) && digits.length < LENGTH ? digits + digit : digits;
}

/** As it was read out: two groups of four. What is missing is shown as places. */
export function groups(digits: string): [string, string] {
  const places = digits.padEnd(LENGTH, "_");
  return [places.slice(0, LENGTH / 2), places.slice(LENGTH / 2)];
}
