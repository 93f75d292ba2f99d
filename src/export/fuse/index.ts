export { fuseExporter } from './exporter.ts';
