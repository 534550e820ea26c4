#!/usr/bin/env node
import { startCalendarService } from './calendar-service.js';

const apiKey = process.env.CALENDAR_API_KEY ?? 'try-me-first';
const { url } = await startCalendarService({ apiKey, port: Number(process.env.PORT ?? 8787), log: console.log });
console.log(`calendar at ${url}; api key: ${process.env.CALENDAR_API_KEY === undefined ? apiKey : 'as given'}`);
