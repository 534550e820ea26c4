import { InvalidInputError } from '@cortex-runtime/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { capResult } from './cap-result.ts';
import { assertToolName, serverToolName } from './tool-name.ts';
import { validateArguments } from './validate-arguments.ts';

const refund = {
  name: 'refund',
  inputSchema: {
    type: 'object',
    properties: { order_id: { type: 'string', minLength: 1 }, cents: { type: 'integer', minimum: 1 }, currency: { enum: ['EUR', 'USD'] }, lines: { type: 'array', items: { type: 'object', properties: { sku: { type: 'string' } } } } },
    required: ['order_id', 'cents'],
    additionalProperties: false,
  },
};
const problem = (args: Parameters<typeof validateArguments>[1]): string => {
  const result = validateArguments(refund, args);
  return result.ok ? 'ok' : result.message;
};

describe('validateArguments', () => {
  it('accepts what fits, and changes nothing', () => {
    const args = Object.freeze({ order_id: 'A', cents: 5 });
    expect(validateArguments(refund, args)).toEqual({ ok: true });
  });

  it('says what is missing, what is not an argument and what was meant', () => {
    expect(problem({ order: 'A', cents: 5 })).toMatch(/order_id is missing; order is not an argument/);
    expect(problem({ order_id: 'A', cent: 5 })).toContain('did you mean cents?');
  });

  it('says where a value is wrong and what it got', () => {
    expect(problem({ order_id: 'A', cents: '5' })).toContain('cents: must be integer, got "5"');
    expect(problem({ order_id: 'A', cents: 5, currency: 'GBP' })).toContain('currency: must be one of ["EUR","USD"]');
    expect(problem({ order_id: 'A', cents: 5, lines: [{ sku: 1 }] })).toContain('lines.0.sku: must be string');
  });

  it('does not convert types or fill in defaults', () => {
    const tool = { name: 't', inputSchema: { type: 'object', properties: { a: { type: 'number', default: 7 } } } };
    const args = { a: '1' };
    expect(validateArguments(tool, args).ok).toBe(false);
    const empty = {};
    expect(validateArguments(tool, empty)).toEqual({ ok: true });
    expect(empty).toEqual({});
  });

  it('keeps the message short, however many mistakes there are', () => {
    const args = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`unknown_${index}`, 'x'.repeat(1_000)]));
    expect(problem(args).length).toBeLessThan(1_500);
    expect(problem(args)).toContain('more');
  });

  it.each(['http://json-schema.org/draft-07/schema#', 'https://json-schema.org/draft/2020-12/schema', 'https://example.com/own-dialect'])('takes schemas that name the dialect %s', ($schema) => {
    expect(validateArguments({ name: 't', inputSchema: { $schema, type: 'object', required: ['a'] } }, {}).ok).toBe(false);
  });

  it('takes two schemas with one $id', () => {
    for (const type of ['string', 'number']) expect(validateArguments({ name: 't', inputSchema: { $id: 'same', type: 'object', properties: { a: { type } } } }, { a: type === 'string' ? 'x' : 1 })).toEqual({ ok: true });
  });

  it('refuses an unusable schema as the fault of the tool', () => {
    expect(() => validateArguments({ name: 'bad', inputSchema: { type: 'no-such-type' } }, {})).toThrow(expect.objectContaining({ code: 'TOOL_SCHEMA_INVALID', toolName: 'bad' }));
    expect(() => validateArguments({ name: 'bad', inputSchema: { $ref: 'https://example.com/elsewhere.json' } }, {})).toThrow(expect.objectContaining({ code: 'TOOL_SCHEMA_INVALID' }));
  });
});

describe('capResult', () => {
  it('leaves a short text as it is', () => {
    expect(capResult('abc', 3)).toBe('abc');
  });

  it('keeps the beginning and the end, and says how much is missing', () => {
    const capped = capResult(`BEGIN${'x'.repeat(10_000)}END`, 1_000);
    expect(capped).toMatch(/^BEGINx+\n\n\[… \d+ of 10008 characters left out …\]\n\nx+END$/);
    const [, dropped] = /… (\d+) of/.exec(capped) ?? [];
    expect(capped.replace(/\n\n\[.*\]\n\n/, '').length + Number(dropped)).toBe(10_008);
  });

  it('never exceeds the limit and never tears a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '😀', 'é', '\n'), maxLength: 400 }), fc.integer({ min: 1, max: 300 }), (text, maxChars) => {
        const capped = capResult(text, maxChars);
        expect(capped.length).toBeLessThanOrEqual(maxChars);
        expect(capped.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('names of tools', () => {
  it('refuses what a provider would refuse', () => {
    assertToolName('lookup_order-2');
    for (const name of ['', 'a b', 'a.b', 'é', 'x'.repeat(65)]) expect(() => assertToolName(name)).toThrow(InvalidInputError);
  });

  it('joins server and tool', () => {
    expect(serverToolName('office', 'read_file')).toBe('office__read_file');
  });

  it('is always fit, and the same for the same tool', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (server, tool) => {
        const name = serverToolName(server, tool);
        expect(() => assertToolName(name)).not.toThrow();
        expect(serverToolName(server, tool)).toBe(name);
      }),
    );
  });

  it('ends in a digest when the plain name is taken', () => {
    expect(serverToolName('s', 'a b', (name) => name === 's__a_b')).toMatch(/^s__a_b_[0-9a-f]{8}$/);
  });

  it('keeps long names that differ only at their end apart', () => {
    const long = 'x'.repeat(100);
    expect(serverToolName('s', `${long}1`)).not.toBe(serverToolName('s', `${long}2`));
  });
});
