export { chaosProxy, type ChaosProxy, type ProxyFault } from '@cortex-runtime/bus/testing/servers';
