export { chaosProxy, type ChaosProxy, type ProxyFault } from '@cortex-runtime/bus/testing/chaos-proxy';
