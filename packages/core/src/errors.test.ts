import { describe, expect, it } from 'vitest';

import { CortexError, describeError, InvalidInputError, RuntimeBaseError } from './errors.ts';

class LeaseLostError extends CortexError {
  readonly code = 'LEASE_LOST';
  override readonly retryable = true;
}

describe('errors', () => {
  it('carry their own name, code and cause', () => {
    const cause = new Error('disk');
    const error = new LeaseLostError('the lease is gone', { cause });
    expect(error).toMatchObject({ name: 'LeaseLostError', code: 'LEASE_LOST', retryable: true, message: 'the lease is gone', cause });
    expect(new RuntimeBaseError('x')).toMatchObject({ name: 'RuntimeBaseError', code: 'RUNTIME_ERROR', retryable: false });
  });

  it('are recognised across subclasses and copies of the package', () => {
    expect(CortexError.is(new LeaseLostError('x'))).toBe(true);
    expect(CortexError.is(Object.assign(new Error('x'), { [Symbol.for('@cortex-runtime/core/CortexError')]: true }))).toBe(true);
    for (const value of [new Error('x'), { code: 'X' }, null, undefined, 'text']) expect(CortexError.is(value)).toBe(false);
  });

  it('name the field first', () => {
    expect(new InvalidInputError('limit', 'must be positive')).toMatchObject({ message: 'limit: must be positive', field: 'limit' });
  });

  it('are described with their causes on one line', () => {
    const error = new Error('could not save', { cause: new Error('write failed\n  at sector 3', { cause: 'EIO' }) });
    expect(describeError(error)).toBe('could not save: write failed at sector 3: EIO');
    expect(describeError('text')).toBe('text');
    expect(describeError(undefined)).toBe('');
  });

  it('are described without saying twice what a message has of its cause', () => {
    const cause = new TypeError('fetch failed', { cause: new Error('other side closed') });
    expect(describeError(new Error(`no answer from http://host: ${describeError(cause)}`, { cause }))).toBe('no answer from http://host: fetch failed: other side closed');
    expect(describeError(new Error(`the host is away (${describeError(cause)}); start it`, { cause }))).toBe('the host is away (fetch failed: other side closed); start it');
    expect(describeError(new Error('refetch failed', { cause }))).toBe('refetch failed: fetch failed: other side closed');
  });

  it('are described also when their causes form a ring', () => {
    const error = new Error('a');
    error.cause = error;
    expect(describeError(error)).toBe('a');
  });
});
