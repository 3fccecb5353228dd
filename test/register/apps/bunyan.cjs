/** An application that knows nothing of OpenTelemetry. */
const bunyan = require('bunyan');
const { ends, name } = require('./end.cjs');

const logger = bunyan.createLogger({ name: 'app' });
for (let index = 0; index < 100; index++) logger.info(`${name} ${index}`);
ends();
