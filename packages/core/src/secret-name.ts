const pattern = /secret|token|passw|api[-_]?key|authorization|credential|private[-_]?key/i;

/** Whether a key, such as that of a setting, a header or a variable, says that its value is a secret. */
export function isSecretName(name: string): boolean {
  return pattern.test(name);
}
