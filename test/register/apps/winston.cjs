/** An application that knows nothing of OpenTelemetry. */
const winston = require('winston');
const { ends, name } = require('./end.cjs');

const logger = winston.createLogger({ transports: [new winston.transports.Console()] });
for (let index = 0; index < 100; index++) logger.info(`${name} ${index}`);
ends();
