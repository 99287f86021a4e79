/** The version of this build, the same in all workspaces; a test compares it with package.json. */
export const musterVersion = '0.1.0';
