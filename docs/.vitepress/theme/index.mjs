/** @file VitePress' own theme in the system's fonts and Arena's colours: A is blue, B is orange. */
import Theme from 'vitepress/theme-without-fonts';
import './style.css';

export default Theme;
