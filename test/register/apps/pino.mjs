/** An application that knows nothing of OpenTelemetry. */
import { pino } from 'pino';
import { ends, name } from './end.cjs';

const logger = pino();
for (let index = 0; index < 100; index++) logger.info(`${name} ${index}`);
ends();
