// Blanks out type annotations, so line numbers stay true and no source map is needed.
const { stripTypeScriptTypes } = require('node:module');
module.exports = { process: (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }) };
