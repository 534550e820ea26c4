import { DriverMissingError } from '../errors.ts';

/** What `load` imports; when the package itself is not there, an error that says who needs it and how to get it. */
export async function optionalDriver<T>(need: string, packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(packageName)) throw new DriverMissingError(need, packageName, { cause: error });
    throw error;
  }
}
