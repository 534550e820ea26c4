import { CortexError, describeError } from '@cortex-runtime/core';

import { printable } from './show/printable.ts';

/** What is said about a failure, in one or two lines, and the code of its kind. */
export function describeProblem(error: unknown): { code: string; message: string; exitCode: 1 | 2 } {
  const code = CortexError.is(error) ? error.code : ((error as { code?: unknown } | null)?.code ?? 'UNEXPECTED');
  const usage = code === 'USAGE' || code === 'INVALID_INPUT' || code === 'DOCUMENT_INVALID' || code === 'HOST_CONFIG';
  return { code: String(code), message: printable(withAdvice(String(code), describeError(error))), exitCode: usage ? 2 : 1 };
}

function withAdvice(code: string, message: string): string {
  switch (code) {
    case 'UNAUTHORIZED':
      return 'the host does not know this token; give the right one with --token or CORTEX_TOKEN (it is in the file "token" of its data directory)';
    case 'HOST_UNREACHABLE':
      return `${message}. Is it still starting, or was it killed? "cortex start" starts it again and goes on where it was`;
    case 'APPROVAL_NOT_FOUND':
    case 'APPROVAL_CLOSED':
      return `${message}; what waits: cortex approvals`;
    case 'NOBODY_THERE':
      return `${message}; who is there: cortex agents`;
    case 'TASK_NOT_FOUND':
      return `${message}; give the whole id, and ask a host of the mesh that took the task: without Redis that is one host, which forgets its tasks when it ends`;
    case 'NOT_FOUND':
      return `${message}; the host is of another version than this command, or has no part in this`;
    default:
      return message;
  }
}
