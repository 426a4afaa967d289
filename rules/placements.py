"""Where banners are shown, and how many of one citizen's at a time."""

main = Placement("The top of the portal's first page", limit=3)
sidebar = Placement("The column beside every page", limit=4)
mobile = Placement("The first screen of the mobile application", limit=2)
