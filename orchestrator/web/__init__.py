"""What people see: server-rendered pages and the static modules, styles and drawings behind them."""
