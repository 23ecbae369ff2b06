/** @file The error of settings that cannot be. */

/**
 * Settings that contradict each other, or the votes or base that they meet. Names of settings stand in backticks
 * (`` `maxTokens` ``), so that a command can show its flags in their place.
 */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}
