"""What people see in Slack, as HTML: the workspace's messages and views, drawn like its client."""
