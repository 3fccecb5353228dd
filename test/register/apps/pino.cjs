/** An application that knows nothing of OpenTelemetry. */
const { pino } = require('pino');
const { ends, name } = require('./end.cjs');

const logger = pino();
for (let index = 0; index < 100; index++) logger.info(`${name} ${index}`);
ends();
