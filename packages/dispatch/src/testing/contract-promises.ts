import { it } from 'vitest';

/**
 * Makes a function that registers one promise of a contract as a test.
 *
 * @param open - what each promise is checked on, opened for it alone
 * @param exceptions - titles of promises that an adapter does not keep, each with the reason; they show as skipped
 */
export function contractPromises<Subject, Options>(open: (options: Options) => Promise<Subject>, exceptions: Readonly<Record<string, string>>) {
  return (title: string, options: Options, check: (subject: Subject) => Promise<void>): void => {
    const reason = exceptions[title];
    if (reason === undefined) it(title, async () => check(await open(options)));
    else it.skip(`${title} (${reason})`, () => {});
  };
}
