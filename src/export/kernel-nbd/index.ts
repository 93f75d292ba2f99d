export { nbdExporter } from './exporter.ts';
